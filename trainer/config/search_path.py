"""Search path: Hydra composes with the user's ``--config-dir`` before the shipped ``conf/``."""

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from trainer.config import config_folders


class UserFolder(SearchPathPlugin):
    """Adds the user's folder wherever Hydra composes.

    Hydra's own handling of the flag would look in the user's folder last, and only in the command's
    first process.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Put the user's folder before the shipped one, which Hydra calls ``main``."""
        if folder := config_folders.user_folder():
            shipped = SearchPathQuery(provider="main")
            search_path.prepend(config_folders.FLAG, f"file://{folder}", anchor=shipped)


def register() -> None:
    """Let Hydra find the plugin; a second call changes nothing."""
    Plugins.instance().register(UserFolder)

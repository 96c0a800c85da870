"""`init_from`: first weights from a file."""

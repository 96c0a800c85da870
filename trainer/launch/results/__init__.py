"""How the jobs of a sweep ended, as table, plot and comparison."""

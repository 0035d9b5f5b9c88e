"""mdrepo: git-style version control for the metadata of transferred models."""

__version__ = "0.1.0"

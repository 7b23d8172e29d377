"""The community practices, one file each."""

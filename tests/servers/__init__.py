"""The scenarios on servers of other people: `make test-servers`. A file per platform."""

"""The heart of Allant: refs, events, actions, ports, features. Standard library only."""

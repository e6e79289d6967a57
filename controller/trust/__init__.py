"""Whom boxes trust: the roots by version, the delegations of units, and the server's own key."""

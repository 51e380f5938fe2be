"""Who may do what, decided without I/O (the text is docs/access.md).

`roles` and `scopes` are the closed tables, `route` what a route asks for, `decisions` the rules.
"""

"""HTTP: which paths we answer, who may ask, and the server that carries it.

From outside `routes`, `door`, `guard` and `request` are used, and `contract` is what we ask of the rest.
"""

"""HTTP: which paths we answer, and the server that carries them."""

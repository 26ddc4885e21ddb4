"""All that is known of Zoho: hosts, OAuth, the one status call, and what its answers mean.

Whoever needs a word of it (`data_centers`, `editions`, `codes`) loads nothing of what asks it (`client`, `onboarding`).
"""

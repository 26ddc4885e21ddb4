"""All that is known of Zoho: hosts, OAuth, the one status call, and what its answers mean."""

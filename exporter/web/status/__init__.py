"""The page at `/`: what is known of each job and each account, for people. It never asks Zoho for anything."""

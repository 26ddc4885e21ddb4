"""Commands about jobs: a running exporter answers, or Zoho."""

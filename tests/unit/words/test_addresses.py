"""Addresses of a job's pages."""

from dataclasses import replace

from samples import LEADS

from exporter.words.addresses import explain_url


def test_links_are_encoded() -> None:
    """Whatever a key holds stays one value of the query."""
    key = replace(LEADS, account='a"b&c=d', module="<Leads>", job_id="1\ud800")
    assert explain_url(key) == "/explain?account=a%22b%26c%3Dd&crm_module=%3CLeads%3E&job_id=1%3F"

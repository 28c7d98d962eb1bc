"""A what-if as JSON, as Markdown for a pull request, and as SARIF."""

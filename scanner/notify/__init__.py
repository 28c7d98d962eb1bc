"""Notifications about a scan: an EventBridge event, an SNS message, findings in Security Hub.

Each target has a module that builds its requests, without side effects; `sending` makes them. Nothing here
changes a finding.
"""

"""Services that moto lacks, or has only in part: one file a service, all of one kind.

    stock        what an account has in a Region: documents in the API's own shape, and tags
    simulation   a service as a table of operations; parameters checked, lists cut into pages
    registry     which services there are

A file of a service says what its calls answer, and has the verbs that plant its resources. Nothing here
writes bytes or reads requests: the front does that for every service alike.
"""

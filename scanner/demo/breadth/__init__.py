"""Every type of resource that AWS Backup supports, at least once, with the gaps that only some types have.

    gold         production in Ireland: under the plan `production-gold`, backed up and copied
    partners     … under AWS managed keys, with copies into another account
    stacks       … CloudFormation: a stack with a nested one and a table, and stacks that nobody protects
    forgotten    … in no plan: strange names, large tags, and states in which AWS Backup skips them
    elsewhere    the other Regions of production, and the other accounts
    secrets      what no API should tell and some do

It is planted last, so that what stood there before keeps its ids.
"""

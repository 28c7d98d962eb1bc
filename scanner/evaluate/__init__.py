"""Controls judge facts: one SQL boolean a control, three-valued to the end.

Read in this order:

    controls/        the YAML files of controls: shape, loading, parameters, cases, documentation
    language/        what an expression may say, and the functions that keep the third value
    compiler         a control as checked SQL (compiled: kept once it is)
    database         DuckDB, filled and then locked
    queries          what a control answers for each row, and the texts of the rows that need them
    tier_evaluation  one answer a row, where tiers and overrides set parameters
    engine           facts and controls to findings; which reads a control rests on
    filing           findings of groups of accounts, written to files
    decisions/       tiers, owners and waivers of audit.yaml
    compliance/      requirements of frameworks, and frameworks of AWS Backup Audit Manager
"""

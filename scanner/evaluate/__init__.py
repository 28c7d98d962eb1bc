"""Controls judge facts: one SQL boolean a control, three-valued to the end.

Read in this order:

    spec         the shape of a control's YAML file
    loader       files to controls, with every mistake of every file at once
    expression   what an expression may say, checked on DuckDB's parse tree
    macros       the functions that keep the third value
    reasons      texts with expressions in braces
    compiled     a control as checked SQL
    database     DuckDB, filled and then locked
    engine       facts and controls to findings
    waivers      what changes a fail, and what became of each waiver
    parameters   what audit.yaml may set
    reads        which reads a control rests on
    summary      counts and percentages with their denominators
    cases        the examples beside a control, run
"""

"""The whole story, top to bottom.

    collect   AWS -> evidence bundle                                              (`collection`)
    evaluate  evidence -> inventory -> control plane -> facts -> findings -> reports  (`judgement`)
    report    a judged scan -> reports                                            (`judgement`)
    explain   a judged scan -> the chain of one subject                           (`judgement`)

`audit run` is the first two, one after the other.
The evidence is read twice, shard by shard: for the control plane, and for what a shard has of the resources
of others, which is put aside on disk; then for the facts, made from the shard, the control plane and
what was put aside for it (`judging`, on one process or several). Memory holds one shard a process;
findings are asked of all facts together.

The two halves are modules of their own: collecting loads no database and no report, judging no AWS client.
"""

from typing import Final

TOOL: Final = "vaultproof"
FINDINGS: Final = "findings.jsonl.gz"
"""The file that holds all findings of a scan, one a line."""

"""What an operation on tensors did, and why one failed: watches the cells of the REPL.

`instrument` makes a cell note what goes into its operations and what comes out; `ledger` keeps descriptions of that,
never references; the `rules_*` modules turn them into steps, `failure` and the `failure_*` modules an error into
plain words; `watch` joins all that to IPython. None of it may disturb a cell: a fault of ours is swallowed there.
Must not import: the UI, IPython (its shell is handed in).
"""

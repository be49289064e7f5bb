"""Formal proof of what was emitted or synthesised: the text that a tool reads computes exactly the netlist."""

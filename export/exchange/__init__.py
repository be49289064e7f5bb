"""Exchange formats: BLIF and AIGER with a side-car that says what the outputs mean, and FuseSoC core files."""

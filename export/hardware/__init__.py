"""From a netlist to a design in register-transfer form, the one lowering that every HDL target prints."""

"""What every sandbox bank needs that is not its dialect: a clock, a store, faults, a control plane, a start."""

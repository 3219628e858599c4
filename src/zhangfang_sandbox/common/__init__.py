"""What all sandbox banks share: clock, store, faults, control plane, start of the process."""

"""What people decide about payments: outcomes, parked payouts, fill-ins, stops, closed merchants."""

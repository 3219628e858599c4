"""How the parts become processes: the API, the driver, and a whole house of them on one machine."""

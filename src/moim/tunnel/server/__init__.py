"""The other end of tunnels: SSH for those who open them, HTTP for their visitors."""

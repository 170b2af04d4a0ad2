memory = "x" * (1 << 30)

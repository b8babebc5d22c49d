"""Speaking: the next sample of a recording, one after the other."""

"""What the machine decides and bounds: threads, memory, precision, recording, the same bits."""

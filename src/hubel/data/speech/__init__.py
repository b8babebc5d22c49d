"""Speech as samples: recordings in windows of steps, with what is told of each."""

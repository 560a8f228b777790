"""What operators, sensors and triggers do with what came back: judge it, log it, land it."""

"""What all endpoints share: state, clock, checks of a call, errors, rate limits."""

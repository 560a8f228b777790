"""What carries calls: session, retries, authentication, tokens, rate limits, shared state."""

"""The account that the sandbox of the system and UI tests knows; no other text looks like its secret."""

CLIENT_ID = "client-of-the-tests"
CLIENT_SECRET = "S3cret+of/the&tests=0815"

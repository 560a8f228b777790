"""A stand-in for Walmart's servers, started with ``python -m airflow_provider_walmart.sandbox``.

It imports nothing of the rest of this package, so that it cannot share a mistake with the client it is there to
test. To add an endpoint, write a function that takes a :class:`~.calls.Call` and returns a response, and put an
:class:`~.calls.Endpoint` for it into the list its module ends with; a new module's list goes into :mod:`~.app`.
What an endpoint remembers is a field of :class:`~.state.State`.
"""

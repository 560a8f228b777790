"""A stand-in for Walmart's servers, started with ``python -m airflow_provider_walmart.sandbox``.

It imports nothing of the rest of this package, so that it cannot share a mistake with the client it is there to
test. ``core`` is what all endpoints share, ``marketplace`` and ``golocal`` are the endpoints, ``control`` is the control
API, and ``server`` serves them. To add an endpoint, write a function that takes a :class:`~.core.calls.Call` and returns a
response, and put an :class:`~.core.calls.Endpoint` for it into the list its module ends with; a new module's list goes into
:mod:`~.server.app`. What an endpoint remembers is a field of :class:`~.core.state.State`.
"""

"""The page *Walmart* in Airflow's UI: server-rendered HTML in a frame, read-only.

`lazy` builds `app` at its first request. Each module of `pages` has the routes of one subject. Whoever asks Walmart does so
through `desk`, in threads of our own, with short time-outs and a cache; who may see what is said in `access`.
"""

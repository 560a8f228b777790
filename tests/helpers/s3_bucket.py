"""A local server of S3's interface, as far as that tells what S3 itself would do."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator

import boto3
import requests
from moto.server import ThreadedMotoServer

KEYS = {"aws_access_key_id": "some-key", "aws_secret_access_key": "some-secret", "region_name": "us-east-1"}


@contextlib.contextmanager
def running_s3() -> Iterator[str]:
    """Run a server; give its URL."""
    # It tells of every request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def connection(url: str, key: str = KEYS["aws_access_key_id"], secret: str = "some-secret") -> str:
    """Return a connection to the server in the form of an ``AIRFLOW_CONN_`` variable."""
    return json.dumps(
        {
            "conn_type": "aws",
            "login": key,
            "password": secret,
            "extra": {"endpoint_url": url, "region_name": KEYS["region_name"]},
        }
    )


class Bucket:
    """A bucket called ``lake``.

    ``writer`` is a connection of somebody who has the rights that `allowed` gives.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._iam = boto3.client("iam", endpoint_url=url, **KEYS)
        self._iam.create_user(UserName="writer")
        key = self._iam.create_access_key(UserName="writer")["AccessKey"]
        self.writer = connection(url, key["AccessKeyId"], key["SecretAccessKey"])
        self._s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        self._s3.create_bucket(Bucket="lake")

    def names(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket="lake")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket="lake", Key=key)["Body"].read()

    def files(self) -> dict[str, bytes]:
        return {key: self.read(key) for key in self.names()}

    def uploads(self) -> int:
        """Return how many uploads in parts are under way."""
        return len(self._s3.list_multipart_uploads(Bucket="lake").get("Uploads", []))

    def clear(self) -> None:
        for key in self.names():
            self._s3.delete_object(Bucket="lake", Key=key)

    def write(self, key: str, content: bytes = b"") -> None:
        self._s3.put_object(Bucket="lake", Key=key, Body=content)

    def all(self) -> list[str]:
        """Return the names of all buckets."""
        return [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]

    @contextlib.contextmanager
    def allowed(self, rights: dict[str, list[str]]) -> Iterator[None]:
        """Let the server look at rights, and give these to `writer`; nothing else can be asked of the bucket meanwhile.

        :param rights: what may be done with what: ``{"lake/*": ["GetObject"]}``.
        """
        statements = [
            {
                "Effect": "Allow",
                "Resource": f"arn:aws:s3:::{resource}",
                "Action": [f"s3:{action}" for action in actions],
            }
            for resource, actions in rights.items()
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam.put_user_policy(UserName="writer", PolicyName="rights", PolicyDocument=policy)
        self._look_after("0")
        try:
            yield
        finally:
            self._look_after("inf")

    def _look_after(self, requests_let_pass: str) -> None:
        requests.post(
            f"{self._url}/moto-api/reset-auth", data=requests_let_pass, timeout=30
        ).raise_for_status()

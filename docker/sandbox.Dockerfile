# The sandbox server alone, without Airflow:
#   docker build -f docker/sandbox.Dockerfile -t walmart-sandbox .
#   docker run --rm -p 8089:8089 -p 8090:8090 walmart-sandbox --shop typical
FROM python:3.13-slim
RUN pip install --no-cache-dir httptools jinja2 jsonschema msgspec python-multipart pyyaml starlette uvicorn
WORKDIR /app
COPY airflow_provider_walmart/__init__.py airflow_provider_walmart/
COPY airflow_provider_walmart/sandbox airflow_provider_walmart/sandbox
USER nobody
EXPOSE 8089 8090
ENTRYPOINT ["python", "-m", "airflow_provider_walmart.sandbox", "--host", "0.0.0.0"]

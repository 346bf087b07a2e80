"""Score a Parquet file with a logged model in Spark; run as a process of its own, for it starts a JVM.

Arguments: the model's folder, the file with customers, the file for the answers (JSON lines).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main(model: str, source: str, target: str) -> None:
    builder: Any = SparkSession.builder
    spark = (
        builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    try:
        answer: Any = mlflow.pyfunc.spark_udf(spark, model, env_manager="local")
        probability: Any = mlflow.pyfunc.spark_udf(spark, model, result_type="double", env_manager="local")
        kind = "struct<probability_low: double, probability_high: double, reasons: string>"
        params = {"interval": True, "reasons": 2, "language": "es"}
        asked: Any = mlflow.pyfunc.spark_udf(
            spark, model, result_type=kind, env_manager="local", params=params
        )
        customers = spark.read.parquet(source)
        # Both widths of whole numbers are taken.
        narrow = customers.withColumn("tenure_months", f.col("tenure_months").cast("int"))
        answers = answer().alias("all"), probability().alias("only"), asked().alias("asked")
        scored = narrow.select("customer_id", *answers)
        rows = [row.asDict(recursive=True) for row in scored.collect()]
    finally:
        spark.stop()
    Path(target).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


if __name__ == "__main__":
    os.environ["PYSPARK_PYTHON"] = sys.executable
    main(*sys.argv[1:])

"""haochaping: government-service reviews (政务服务“好差评”) through Kafka, Faust and ClickHouse."""

__version__ = "0.1.0"

"""The demo's service: tells how many orders wait. What matters here is what it depends on."""

import pymysql
import requests


def main() -> None:
    print(f"orders: pymysql {pymysql.__version__}, requests {requests.__version__}")


if __name__ == "__main__":
    main()

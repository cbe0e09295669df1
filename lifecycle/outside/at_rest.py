"""How what is put into a bucket is encrypted there: as its owner has set it. Asks; puts nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


def at_rest(client: "S3Client", bucket: str) -> dict[str, str]:
    """Return what to ask of the store for an object in this (real) bucket: nothing where the bucket has a default.

    To name AES256 would put the owner's KMS key out of force. At AWS every bucket has a default since January 2023
    (S3 User Guide, "Setting default server-side encryption behavior"); another store may have none, and is asked.
    """
    if ".amazonaws.com" in client.meta.endpoint_url:
        return {}
    try:
        client.get_bucket_encryption(Bucket=bucket)
    except client.exceptions.ClientError:
        return {"ServerSideEncryption": "AES256"}
    return {}

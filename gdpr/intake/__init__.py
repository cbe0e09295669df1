"""What a person does about a request by hand: put one there, take one back, end the record of one that is lost."""

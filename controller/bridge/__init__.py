"""Between the database and the broker: messages out as they are written, what boxes say in, batch by batch."""

"""What the daemon needs of the world, each named after its role; drivers, link and store implement them."""

"""When approved bulletins sound and where: schedules, the rules of quiet hours, and what each box is told of them."""

"""What all pages share: the frame, the style, the home page, the language switch."""

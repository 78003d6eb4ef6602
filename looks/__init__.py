"""What all screens share: words, ages, money, colours and type. Imports nothing of ours."""

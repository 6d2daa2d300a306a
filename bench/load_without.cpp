// The same program, not linked to Kiln.
int main() { return 0; }

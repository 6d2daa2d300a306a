// A program that is linked to Kiln and does nothing: what loading the library costs.
int main() { return 0; }
